import { classifier } from "graftlet";

const [form, text, ask, answer] = ["form", "text", "ask", "answer"].map((id) =>
  document.getElementById(id),
);
try {
  const spam = await classifier("adapters/sms_spam/");
  ask.disabled = false;
  answer.value = "";
  form.onsubmit = async (event) => {
    event.preventDefault();
    const [{ label, score }] = await spam(text.value);
    answer.value = `${label}, ${score.toFixed(2)}`;
  };
} catch (error) {
  answer.value = `${error.code}: ${error.message}`;
}
