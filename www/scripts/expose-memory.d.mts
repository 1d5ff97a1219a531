import type { Page } from "@playwright/test";

export function exposeMemory(page: Page, pattern: string, more?: string): Promise<void>;
export function wasmBytes(page: Page): Promise<number[]>;
