const [form, text, answer] = ["form", "text", "answer"].map((id) => document.getElementById(id));
form.onsubmit = async (event) => {
  event.preventDefault();
  answer.value = "Loading …";
  const found = await chrome.runtime.sendMessage({ to: "background", text: text.value });
  answer.value = found.error ?? `${found[0].label}, ${found[0].score.toFixed(2)}`;
};
