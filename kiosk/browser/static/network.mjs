// Requests to the server that served this page.

const VERSION = "Hallkeeper-Wire";
const OPTIONS = { cache: "no-store", credentials: "omit", redirect: "error" };

export async function send(method, target, headers, body, timeoutMs) {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(target, { ...OPTIONS, method, headers, body, signal });
  const content = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, version: response.headers.get(VERSION), body: content };
}

// A continuing answer. `lines` gives those that have come since, or null at its end; it fails after
// a silence of `silenceMs`.
export async function stream(target, headers, silenceMs) {
  const abort = new AbortController();
  const limited = async (promise) => {
    const timer = setTimeout(() => abort.abort(new DOMException("silent", "TimeoutError")), silenceMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  };
  const response = await limited(fetch(target, { ...OPTIONS, headers, signal: abort.signal }));
  const version = response.headers.get(VERSION);
  const close = () => abort.abort();
  if (response.status !== 200) {
    const body = new Uint8Array(await limited(response.arrayBuffer()));
    return { status: response.status, version, body, close };
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const lines = async () => {
    const { done, value } = await limited(reader.read());
    if (done) return null;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    return parts.map((line) => line.replace(/\r$/, ""));
  };
  return { status: 200, version, lines, close };
}
