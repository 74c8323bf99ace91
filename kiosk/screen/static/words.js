// Everything the page itself says, in both languages. Answers bring their own words from the kiosk.

const WORDS = {
  en: {
    idle: "Show your badge",
    idle_reason: "Hold the code up to the camera",
    idle_no_camera: "Scan the code with the hand scanner",
    places_left: "places left here",
    answer_free: "{n} places left here",
    entry: "ENTRY", exit: "EXIT",
    turn_to_entry: "Direction: exit. Change to entry (F8)",
    turn_to_exit: "Direction: entry. Change to exit (F8)",
    other_language: "中文",
    sound_on: "Sound on", sound_off: "Sound off",
    sound_waits: "Sound: press a key", sound_waits_why: "The browser keeps quiet until a key or click",
    help: "Help",
    last_scans: "Last scans", no_scans: "No scans yet",
    badge: "Badge {n}", no_name: "Badge {n}", no_badge: "Not a badge",
    online: "Online", offline: "Offline", offline_since: "Offline since {time}",
    facts: "facts {age} old", no_facts: "no facts yet",
    waiting: "{n} scans waiting", waiting_one: "1 scan waiting", waiting_none: "No scans waiting",
    camera_none: "No camera", camera_starting: "Camera starting", camera_live: "Camera works",
    camera_lost: "Camera lost", camera_ended: "Video ended",
    camera_words: "{state}: {message}",
    ahead: "Clock {n} s ahead of the server", behind: "Clock {n} s behind the server",
    retired: "This kiosk is retired: it admits nobody. Use another door.",
    refused: "Tell an admin: {why}",
    not_taken: "The kiosk did not take that scan. Scan again.",
    not_turned: "The direction was not changed. Try again.",
    lost: "NO KIOSK",
    lost_reason: "The screen lost the kiosk",
    lost_next: "Admit nobody by this screen. It comes back by itself.",
    second: "{n} s", minute: "{n} min", hour: "{n} h", day: "{n} d",
    help_admit: "Let in", help_look: "Let in, and read what to notice",
    help_deny: "Do not let in; the reason and the next step stand below",
    help_goodbye: "An exit was recorded; nobody is ever kept in",
    help_keys: "F1 help · F2 language · F4 sound · F8 direction",
    help_scanner: "A hand scanner works at any time; no field needs to be chosen",
  },
  zh: {
    idle: "请出示证件",
    idle_reason: "请将二维码对准摄像头",
    idle_no_camera: "请用扫码枪扫描二维码",
    places_left: "本入口剩余名额",
    answer_free: "本入口剩余名额 {n}",
    entry: "入场", exit: "离场",
    turn_to_entry: "当前为离场，切换为入场 (F8)",
    turn_to_exit: "当前为入场，切换为离场 (F8)",
    other_language: "English",
    sound_on: "声音开", sound_off: "声音关",
    sound_waits: "按键开启声音", sound_waits_why: "浏览器须在按键或点击后才能发声",
    help: "帮助",
    last_scans: "最近扫描", no_scans: "暂无扫描",
    badge: "证件 {n}", no_name: "证件 {n}", no_badge: "非证件",
    online: "在线", offline: "离线", offline_since: "{time} 起离线",
    facts: "数据 {age}前更新", no_facts: "尚无数据",
    waiting: "{n} 次扫描待上传", waiting_one: "1 次扫描待上传", waiting_none: "没有待上传的扫描",
    camera_none: "无摄像头", camera_starting: "摄像头启动中", camera_live: "摄像头正常",
    camera_lost: "摄像头断开", camera_ended: "视频已结束",
    camera_words: "{state}：{message}",
    ahead: "时钟比服务器快 {n} 秒", behind: "时钟比服务器慢 {n} 秒",
    retired: "本验证机已停用，不能放行。请走其他入口。",
    refused: "请通知管理员：{why}",
    not_taken: "刚才的扫描没有成功，请重新扫描。",
    not_turned: "方向没有切换，请重试。",
    lost: "未连接",
    lost_reason: "屏幕与验证机失去连接",
    lost_next: "请勿凭此屏幕放行；连接会自动恢复。",
    second: "{n} 秒", minute: "{n} 分钟", hour: "{n} 小时", day: "{n} 天",
    help_admit: "放行", help_look: "放行，并注意提示",
    help_deny: "不放行；下方有原因和处理方法",
    help_goodbye: "已记录离场；任何人都可以离开",
    help_keys: "F1 帮助 · F2 语言 · F4 声音 · F8 方向",
    help_scanner: "扫码枪随时可用，无需选择输入框",
  },
};

// What the camera says of itself in English, in Chinese.
const CAMERA_ZH = [
  [/^no picture from the camera$/, "没有画面"],
  [/^no picture for (\d+) s$/, "$1 秒没有画面"],
  [/^picture frozen$/, "画面静止"],
  [/can't be opened/, "无法打开"],
];

export const LANGUAGES = ["en", "zh"];
export const TAGS = { en: "en", zh: "zh-CN" };

export function say(language, key, values = {}) {
  return WORDS[language][key].replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

// The name in this language, else in any: names come as {"en": …, "zh": …}.
export function nameIn(language, names) {
  return names?.[language] || names?.en || Object.values(names ?? {})[0] || "";
}

export function age(language, milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return say(language, "second", { n: seconds });
  if (seconds < 3600) return say(language, "minute", { n: Math.floor(seconds / 60) });
  if (seconds < 172800) return say(language, "hour", { n: Math.floor(seconds / 3600) });
  return say(language, "day", { n: Math.floor(seconds / 86400) });
}

// The time of day at the venue, wherever this machine thinks it is.
export function clock(instant, timeZone, withSeconds = false) {
  const shape = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone };
  if (withSeconds) shape.second = "2-digit";
  try {
    return new Intl.DateTimeFormat("en-GB", shape).format(instant);
  } catch {
    return new Intl.DateTimeFormat("en-GB", { ...shape, timeZone: "UTC" }).format(instant);
  }
}

export function cameraWords(language, state, message) {
  const words = say(language, `camera_${state}`);
  if (!message) return words;
  let told = message;
  if (language === "zh") {
    for (const [english, chinese] of CAMERA_ZH) {
      const match = message.match(english);
      if (match) { told = chinese.replace("$1", match[1] ?? ""); break; }
    }
  }
  return say(language, "camera_words", { state: words, message: told });
}
