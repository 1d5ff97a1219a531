import { Spam } from "./spam.jsx";

/** Rendered on the server, where the hook's state is "loading". */
export default function Page() {
  return <Spam />;
}
