/** Runs in the page: from a package's start to its first answer, and when each part of it began and ended. */
const TEXT = "Congratulations, you have won a prize: call now to claim it.";

const now = () => performance.timeOrigin + performance.now();

/**
 * Loads the backbone, adds an adapter and asks one question, with the package in `folder`. With `spans` its worker tells
 * when each part began and ended: `[name, began, ended]`, in ms from the start.
 */
export async function start(folder, { model, adapter, spans = false, persist = true }) {
  const { Graftlet } = await import(`${folder}index.js`);
  const found = [];
  const channel = new BroadcastChannel("start times");
  channel.onmessage = ({ data }) => found.push(...data);
  const worker = () =>
    new Worker(`/bench/timed-worker.js?pkg=${encodeURIComponent(folder)}`, { type: "module" });
  const began = now();
  const mark = (name, from) => found.push([name, from, now()]);
  const g = await Graftlet.load({ backbone: model, ...(spans ? { worker } : {}) });
  mark("page: load", began);
  const loaded = now();
  await g.addAdapter("sms_spam", adapter, { persist });
  mark("page: addAdapter", loaded);
  const added = now();
  await g.use("sms_spam");
  mark("page: use", added);
  const asked = now();
  const [answer] = await g.classify([TEXT]);
  mark("page: classify", asked);
  const total = now() - began;
  const again = now();
  await g.classify([TEXT]);
  mark("page: classify once more", again);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await g.dispose();
  channel.close();
  const from = (time) => time - began;
  return {
    total,
    load: loaded - began,
    answer: JSON.stringify(answer),
    spans: found.map(([name, a, b]) => [name, from(a), from(b)]),
  };
}
