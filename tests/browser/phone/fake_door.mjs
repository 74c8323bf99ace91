// In place of the door's worker: reports what the page sends, and sends what the test says.

const channel = new BroadcastChannel("door");
let beats = true;

channel.addEventListener("message", ({ data }) => {
  if (data.type === "beats") beats = data.on;
  else postMessage(data);
});
addEventListener("message", async ({ data }) => {
  const response = await fetch("/test/sent", { method: "POST", body: JSON.stringify(data) });
  for (const message of await response.json()) postMessage(message);
});
setInterval(() => { if (beats) postMessage({ type: "beat" }); }, 1000);
