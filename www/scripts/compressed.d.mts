import type { IncomingMessage, ServerResponse } from "node:http";

export function sendFile(request: IncomingMessage, response: ServerResponse, path: string): void;

export function fileBelow(folder: string, path: string): string | undefined;
