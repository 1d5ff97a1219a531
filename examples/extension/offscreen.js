import { classifier } from "./graftlet/index.js";

const loading = classifier("adapters/sms_spam/");

chrome.runtime.onMessage.addListener((message, _, answer) => {
  if (message.to !== "offscreen") return false;
  loading
    .then((spam) => spam(message.text))
    .then(answer, (error) => answer({ error: `${error.code}: ${error.message}` }));
  return true;
});
