const MODE = 'LAYERSMITH_MODE';

/**
 * Sets the runtime's mode to `web` for HTTP requests to a PHP script, such as `public/index.php`, unless `--env` sets it. Other
 * handlers receive the event and return the response themselves.
 */
export function inWebMode<T extends { readonly handler: string; readonly env: readonly string[] }>(
  args: T,
): T {
  const isGiven = args.env.some((variable) => variable.startsWith(`${MODE}=`));
  return isGiven || !args.handler.endsWith('.php') ? args : { ...args, env: [...args.env, `${MODE}=web`] };
}
