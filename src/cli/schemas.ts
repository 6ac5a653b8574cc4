import { z } from 'zod';
import { projectSchema } from '../definition/project.js';
import { platformSchema } from '../platform/platform.js';
import { lineSchema, packageSchema } from '../recipe/recipe-schema.js';

/** The schemas of files that users write, with their titles, by the names of their files in `schemas/`. */
const SCHEMAS: Readonly<Record<string, { readonly title: string; readonly schema: z.ZodType }>> = {
  'layersmith.json': { title: 'layersmith.yaml', schema: projectSchema },
  'platform.json': { title: 'platforms/NAME.yaml', schema: platformSchema },
  'recipe-line.json': { title: 'recipes/PACKAGE/LINE.yaml', schema: lineSchema },
  'recipe-package.json': { title: 'recipes/PACKAGE/package.yaml', schema: packageSchema },
};

/** Returns the texts of the JSON schemas by their file names. What JSON Schema cannot say, layersmith checks alone. */
export function jsonSchemas(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(SCHEMAS).map(([file, { title, schema }]) => {
      const { $schema, ...rest } = z.toJSONSchema(schema, {
        io: 'input',
        unrepresentable: 'any',
        // The pattern beside it says the same. JSON Schema has no format of that name.
        override: ({ jsonSchema }) => {
          if (jsonSchema.format === 'starts_with') delete jsonSchema.format;
        },
      });
      return [file, `${JSON.stringify({ $schema, title, ...rest }, undefined, 2)}\n`];
    }),
  );
}
