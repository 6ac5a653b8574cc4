import { UsageError } from '../core/errors.js';
import type { Principal } from './layer-registry.js';

/** With whom a layer version is shared. */
export interface Sharing {
  /** Every AWS account. */
  readonly isPublic: boolean;
  /** The ID of an organization: `o-abc123defg`. */
  readonly organization: string | undefined;
  /** The IDs of accounts: 12 digits each. */
  readonly accounts: readonly string[];
}

/** Returns the principals that may use the layer version. Throws UsageError for an invalid id. */
export function principalsOf({ isPublic, organization, accounts }: Sharing): readonly Principal[] {
  if (organization !== undefined && !/^o-[a-z0-9]{10,32}$/.test(organization))
    throw new UsageError(`'${organization}' is not the ID of an organization`, {
      hint: 'For example: --organization o-abc123defg.',
    });
  for (const id of accounts)
    if (!/^\d{12}$/.test(id))
      throw new UsageError(`'${id}' is not the ID of an account`, {
        hint: 'An account ID has 12 digits: --account 123456789012.',
      });
  return [
    ...(isPublic ? [{ kind: 'everyone' } as const] : []),
    ...(organization === undefined ? [] : [{ kind: 'organization', id: organization } as const]),
    ...accounts.map((id) => ({ kind: 'account', id }) as const),
  ];
}
