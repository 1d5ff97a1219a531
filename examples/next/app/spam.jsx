"use client";

import { useClassifier } from "graftlet/react";
import { useState } from "react";

export function Spam() {
  const { status, classify, error, progress } = useClassifier("/adapters/sms_spam/");
  const [answer, setAnswer] = useState("");
  const ask = async (event) => {
    event.preventDefault();
    const [{ label, score }] = await classify(new FormData(event.target).get("text"));
    setAnswer(`${label}, ${score.toFixed(2)}`);
  };
  const share = progress ? Math.round((100 * progress.loaded) / progress.total) : 0;
  return (
    <form onSubmit={ask}>
      <label>
        Message <input id="text" name="text" required />
      </label>
      <button type="submit" disabled={status !== "ready"}>
        Spam?
      </button>
      <output id="answer">
        {status === "loading" && `Loading … ${share} %`}
        {status === "failed" && `${error.code}: ${error.message}`}
        {answer}
      </output>
    </form>
  );
}
