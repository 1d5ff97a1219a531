export const CONTENT_SECURITY_POLICY: string;
export const META_POLICY: string;
export const REFERRER_POLICY: string;
export const RULES: readonly { prefix: string; headers: Readonly<Record<string, string>> }[];
export function headersFor(path: string): Readonly<Record<string, string>>;
export function underscoreHeaders(): string;
export function nginx(): string;
export function caddyfile(): string;
export const FILES: Readonly<Record<string, () => string>>;
