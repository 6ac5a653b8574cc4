/** A stage's part of the make jobs: it may use `jobs` of them, and may be given more while it runs. */
export interface JobLease {
  readonly jobs: number;
  /** Called with each further job; what was given is kept until the lease is released. */
  onMore(listener: () => void): void;
  release(): void;
}

/**
 * Shares make jobs between stages that run side by side. Each has one at least; jobs that no waiting stage
 * can use go to those that run. Nothing is ever taken back from a stage: what it has is free again when it
 * ends, which is also when other stages become ready.
 */
export class JobPool {
  #free: number;
  readonly #running: Lease[] = [];

  constructor(total: number) {
    this.#free = total;
  }

  get free(): number {
    return this.#free;
  }

  /** Takes a fair part for one of `ready` stages that could start now. There must be a free job. */
  lease(ready: number): JobLease {
    const jobs = Math.max(1, Math.floor(this.#free / Math.max(1, ready)));
    this.#free -= jobs;
    const lease = new Lease(jobs, () => {
      this.#free += lease.jobs;
      this.#running.splice(this.#running.indexOf(lease), 1);
    });
    this.#running.push(lease);
    return lease;
  }

  /** Gives the free jobs to the stages that run, to those with fewest first. Call it when none can start. */
  spread(): void {
    while (this.#free > 0) {
      const [poorest] = [...this.#running].sort((a, b) => a.jobs - b.jobs);
      if (poorest === undefined) return;
      this.#free -= 1;
      poorest.add();
    }
  }
}

class Lease implements JobLease {
  jobs: number;
  #listener: () => void = () => undefined;
  #release: (() => void) | undefined;

  constructor(jobs: number, release: () => void) {
    this.jobs = jobs;
    this.#release = release;
  }

  onMore(listener: () => void): void {
    this.#listener = listener;
  }

  add(): void {
    this.jobs += 1;
    this.#listener();
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
