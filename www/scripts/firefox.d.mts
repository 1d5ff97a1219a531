export const FIREFOX: string;
export const FIREFOX_PREFERENCES: Record<string, string | number | boolean>;
