import type { Route } from "@playwright/test";

/** Answers with what the server has, changed. A worker may ask for its script when the test is over already. */
export async function amend(route: Route, change: (text: string) => string): Promise<void> {
  try {
    const response = await route.fetch();
    await route.fulfill({ response, body: change(await response.text()) });
  } catch (error) {
    if (!/closed|ended|disposed/i.test(String(error))) throw error;
  }
}
