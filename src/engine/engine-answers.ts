import { z } from 'zod';

import type { ContainerSummary, EngineInfo, ImageInfo } from './container-engine.js';

// Parses the answers of Docker and Podman into our own types. Empty lists and maps are null or absent, depending on the
// engine and its version.

const strings = z
  .array(z.string())
  .nullish()
  .transform((list) => list ?? []);
const labels = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});
/** Podman omits the algorithm in some answers. */
const imageId = z
  .string()
  .min(1)
  .transform((id) => (/^[0-9a-f]{64}$/.test(id) ? `sha256:${id}` : id));
/** Older engines use `<none>` for images without a name. */
const names = strings.transform((list) => list.filter((name) => !name.includes('<none>')));

/** `GET /images/{name}/json` */
export const imageSchema: z.ZodType<ImageInfo> = z
  .object({
    Id: imageId,
    RepoDigests: names,
    RepoTags: names,
    Config: z.object({ Labels: labels }).nullish(),
    Size: z.number(),
    Created: z.string().nullish(),
  })
  .transform((image) => ({
    id: image.Id,
    repoDigests: image.RepoDigests,
    tags: image.RepoTags,
    labels: image.Config?.Labels ?? {},
    sizeBytes: image.Size,
    createdAt: parseDate(image.Created),
  }));

/** `GET /images/json` */
export const imageListSchema: z.ZodType<readonly ImageInfo[]> = z.array(
  z
    .object({
      Id: imageId,
      RepoDigests: names,
      RepoTags: names,
      Labels: labels,
      Size: z.number(),
      Created: z.number(),
    })
    .transform((image) => ({
      id: image.Id,
      repoDigests: image.RepoDigests,
      tags: image.RepoTags,
      labels: image.Labels,
      sizeBytes: image.Size,
      createdAt: new Date(image.Created * 1000),
    })),
);

/** `GET /containers/json` */
export const containerListSchema: z.ZodType<readonly ContainerSummary[]> = z.array(
  z.object({ Id: z.string().min(1), Labels: labels, Created: z.number() }).transform((container) => ({
    id: container.Id,
    labels: container.Labels,
    createdAt: new Date(container.Created * 1000),
  })),
);

/** `POST /containers/create` */
export const createdSchema = z.object({ Id: z.string().min(1) });

/** `POST /containers/{id}/wait` */
export const waitSchema = z.object({
  StatusCode: z.number().int(),
  Error: z.object({ Message: z.string().nullish() }).nullish(),
});

/** `GET /containers/{id}/json` */
export const containerSchema = z.object({
  State: z.object({
    Running: z.boolean(),
    OOMKilled: z.boolean(),
    // By the engine's clock.
    StartedAt: z.iso.datetime().optional(),
    FinishedAt: z.iso.datetime().optional(),
  }),
});

/** `GET /distribution/{name}/json` */
export const distributionSchema = z.object({ Descriptor: z.object({ digest: z.string().min(1) }) });

/** `GET /version` */
export const versionSchema = z.object({
  Version: z.string(),
  Components: z
    .array(z.object({ Name: z.string() }))
    .nullish()
    .transform((list) => list ?? []),
});

/** `GET /info` */
export const infoSchema = z.object({
  Architecture: z.string(),
  NCPU: z.number().int(),
  MemTotal: z.number(),
});

/** Combines the answers of `/version` and `/info`. */
export function engineInfo(
  version: z.infer<typeof versionSchema>,
  info: z.infer<typeof infoSchema>,
): EngineInfo {
  const isPodman = version.Components.some((component) => /podman/i.test(component.Name));
  return {
    name: isPodman ? 'Podman' : 'Docker',
    version: version.Version,
    // Podman uses Go's names, Docker the kernel's.
    architecture: { amd64: 'x86_64', arm64: 'aarch64' }[info.Architecture] ?? info.Architecture,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
  };
}

function parseDate(text: string | null | undefined): Date {
  const date = new Date(text ?? 0);
  return Number.isNaN(date.getTime()) ? new Date(0) : date;
}
