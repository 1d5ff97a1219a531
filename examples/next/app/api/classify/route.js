// Node.js loads the package itself, with its worker and wasm files beside it: a bundler would move it away from them.
const graftlet = () => import(/* webpackIgnore: true */ /* turbopackIgnore: true */ "graftlet");

let loading;

/** The same adapter on the server: `/api/classify?text=…`. Loaded at the first request. */
export async function GET(request) {
  loading ??= graftlet().then(({ classifier }) => classifier("public/adapters/sms_spam/"));
  const spam = await loading;
  const text = new URL(request.url).searchParams.get("text") ?? "";
  return Response.json(await spam(text));
}

export const dynamic = "force-dynamic";
