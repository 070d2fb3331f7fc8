import * as z from 'zod';
import { configSchema } from './index.js';
import { OPTIONS, type OptionMeta } from './option.js';

/** Where the schema's own format is described. */
const DRAFT = 'http://json-schema.org/draft-07/schema#';

const BY_KIND: Partial<Record<OptionMeta['kind'], object>> = {
  duration: { type: ['number', 'string'], minimum: 0, pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d|w)$' },
  bytes: { type: ['number', 'string'], minimum: 1, pattern: '^\\d+(\\.\\d+)?(b|kb|mb|gb)$' },
};

/** The schema of `tierwise.config.json` for editors, with what each option is for. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const meta = OPTIONS.get(zodSchema as unknown as z.ZodType);
      if (meta === undefined) {
        // Only the short form of `orShort` has no meta and no type: it is a duration.
        if (zodSchema._zod.def.type === 'custom') Object.assign(jsonSchema, BY_KIND.duration);
        return;
      }
      Object.assign(jsonSchema, BY_KIND[meta.kind], { description: `${meta.about} Must be ${meta.allowed}.` });
      if (meta.byDefault !== undefined) jsonSchema.default = meta.byDefault;
    },
  });
  const { $schema: _, properties, ...others } = schema;
  return {
    $schema: DRAFT,
    title: 'Configuration of Tierwise',
    ...others,
    properties: { $schema: { type: 'string', description: 'Where this schema is.' }, ...properties },
  };
}
