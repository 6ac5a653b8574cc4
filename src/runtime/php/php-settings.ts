import type { SettingsRules } from '../runtime.js';
import { fileEntry } from '../../tree/tree-entry.js';

/** Below `/opt`. PHP reads the files in this folder by their names, after php.ini and before those of the function. */
const FOLDER = 'etc/php/conf.d';

/** PHP's settings, as files for its scan directory. */
export const phpSettings: SettingsRules = {
  load(name, { order, directive, ini }) {
    if (directive === undefined) return undefined;
    return fileEntry(`${FOLDER}/${order}-${name}.ini`, `${directive} = ${name}\n${lines(ini)}`);
  },
  ofLayer(ini) {
    return fileEntry(`${FOLDER}/90-layer.ini`, lines(ini));
  },
};

function lines(ini: Readonly<Record<string, string>>): string {
  return Object.entries(ini)
    .map(([name, value]) => `${name} = ${written(value)}\n`)
    .join('');
}

/** In quotes, PHP takes a value as it is: `yes`, `;` and `|` mean something without them. A backslash escapes in both. */
function written(value: string): string {
  return PLAIN.test(value) || LEVELS.test(value) ? value : `"${value.replaceAll('\\', '\\\\')}"`;
}

const PLAIN = /^(On|Off|-?[0-9]+[KMG]?)$/;
/** A value of error_reporting, which PHP computes: `E_ALL & ~E_DEPRECATED`. In quotes it would be 0. */
const LEVELS = /^[~( ]*E_[A-Z_]+([ ~&|^()]+E_[A-Z_]+)*[ )]*$/;
