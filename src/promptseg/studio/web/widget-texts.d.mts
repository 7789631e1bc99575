export function isOfWidget(key: string): boolean;
