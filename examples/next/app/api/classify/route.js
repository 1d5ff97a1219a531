import { classifier } from "graftlet";

let loading;

/** The same adapter on the server: `/api/classify?text=…`. Loaded at the first request. */
export async function GET(request) {
  loading ??= classifier("public/adapters/sms_spam/");
  const spam = await loading;
  const text = new URL(request.url).searchParams.get("text") ?? "";
  return Response.json(await spam(text));
}
