import type { CommandModule } from 'yargs';

/** A yargs command whose handler sees the types that its builder declares. */
export function command<T>(module: CommandModule<object, T>): CommandModule<object, T> {
  return module;
}
