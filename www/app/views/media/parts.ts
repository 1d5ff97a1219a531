/** What the page loads where the chosen model reads sounds or pictures. */

import { followTask } from "../../state/media/asking.js";
import { followListened } from "../../state/media/listening.js";
import { followCamera } from "../../state/media/looking.js";

followTask();
followListened();
followCamera();

export { AskMedia } from "./ask-media.js";
export { ExampleText } from "./example-text.js";
export { TeachMedia } from "./teach-media.js";
