import type { SettingsRules } from '../runtime.js';
import { fileEntry } from '../../tree/tree-entry.js';

/** Below `/opt`. PHP reads the files in this folder by their names, after php.ini and before those of the function. */
const FOLDER = 'etc/php/conf.d';

/** PHP's settings, as files for its scan directory. */
export const phpSettings: SettingsRules = {
  load(name, { order, directive, ini }) {
    return fileEntry(`${FOLDER}/${order}-${name}.ini`, `${directive} = ${name}\n${lines(ini)}`);
  },
  ofLayer(ini) {
    return fileEntry(`${FOLDER}/90-layer.ini`, lines(ini));
  },
};

/** In quotes, so that PHP takes a value as it is: `yes`, `;` and `|` mean something in an ini file. */
function lines(ini: Readonly<Record<string, string>>): string {
  return Object.entries(ini)
    .map(([name, value]) => `${name} = ${PLAIN.test(value) ? value : `"${value}"`}\n`)
    .join('');
}

const PLAIN = /^(On|Off|-?[0-9]+[KMG]?)$/;
