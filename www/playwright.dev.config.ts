import base from "./playwright.config.js";

const servers = base.webServer as unknown[];
export default { ...base, retries: 0, webServer: [servers[1]] };
