import type { LayerSettings } from '../../layer/layer-settings.js';
import type { Plan } from '../../recipe/plan.js';

/** A layer to build: its plan, its settings, and what it is called. */
export interface PlannedLayer {
  /** The first part of the names of its files: `shop`, or `php` for a layer made from a recipe alone. */
  readonly name: string;
  readonly plan: Plan;
  readonly settings: LayerSettings;
}
