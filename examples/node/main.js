import { classifier } from "graftlet";

// A path or a URL; the backbone is in public/models/minilm-l6/.
const spam = await classifier("public/adapters/sms_spam/");
const [{ label, score }] = await spam(process.argv[2] ?? "free entry win cash txt now");
console.log(`${label}, ${score.toFixed(2)}`);
