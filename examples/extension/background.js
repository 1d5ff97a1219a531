// A service worker of an extension may not start workers, and is ended when it is idle. An offscreen document holds the
// engine in its place; it is made when it is first needed.
let making;

async function offscreen() {
  if (await chrome.offscreen.hasDocument()) return;
  making ??= chrome.offscreen.createDocument({
    url: "offscreen.html",
    reasons: ["WORKERS"],
    justification: "Classifies text in a worker, without sending it anywhere.",
  });
  await making;
  making = undefined;
}

chrome.runtime.onMessage.addListener((message, _, answer) => {
  if (message.to !== "background") return false;
  offscreen()
    .then(() => chrome.runtime.sendMessage({ to: "offscreen", text: message.text }))
    .then(answer, (error) => answer({ error: error.message }));
  return true;
});
