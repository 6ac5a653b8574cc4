/** Formats a payload: JSON as JSON, other text as text, anything else in base64. */
export function payloadOf(payload: Buffer): {
  readonly payloadEncoding: 'json' | 'text' | 'base64';
  readonly payload: unknown;
} {
  const text = payload.toString('utf8');
  try {
    return { payloadEncoding: 'json', payload: JSON.parse(text) };
  } catch {
    return payload.equals(Buffer.from(text))
      ? { payloadEncoding: 'text', payload: text }
      : { payloadEncoding: 'base64', payload: payload.toString('base64') };
  }
}
