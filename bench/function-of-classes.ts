import { fileEntry, type TreeEntry } from '../src/tree/tree-entry.js';

const DOMAINS = [
  'Billing',
  'Catalog',
  'Customer',
  'Inventory',
  'Mailing',
  'Ordering',
  'Payment',
  'Pricing',
  'Search',
  'Shipping',
];
const ROLES = ['Command', 'Controller', 'Event', 'Factory', 'Listener', 'Policy', 'Repository'];
/** The number of classes for each role and domain. */
const VARIANTS = 4;

/** The number of interfaces, abstract classes and classes in the function. */
export const CLASS_COUNT = DOMAINS.length * (2 + ROLES.length * VARIANTS);

/**
 * Generates a function with several hundred classes, one per file, in namespaces: for each domain an interface, an
 * abstract class and the classes that extend it, with constants, properties, doc comments and methods as in real
 * applications. `app/classes.php` lists the classes that can be instantiated. For PHP 7.3 and later. The files are always the same.
 */
export function functionOfClasses(): TreeEntry[] {
  const files = new Map<string, string>();
  const names: string[] = [];
  for (const domain of DOMAINS) {
    files.set(`App/${domain}/${domain}Service.php`, interfaceOf(domain));
    files.set(`App/${domain}/Abstract${domain}Service.php`, baseOf(domain));
    for (const role of ROLES) {
      for (let variant = 1; variant <= VARIANTS; variant++) {
        const name = `${domain}${role}${variant}`;
        files.set(`App/${domain}/${role}/${name}.php`, classOf({ domain, role, name, number: names.length }));
        names.push(`App\\${domain}\\${role}\\${name}`);
      }
    }
  }
  const list = names.map((name) => `    ${name}::class,\n`).join('');
  files.set('classes.php', `<?php\n\nreturn [\n${list}];\n`);
  return [...files].map(([path, text]) => fileEntry(`app/${path}`, text));
}

function interfaceOf(domain: string): string {
  return `<?php

namespace App\\${domain};

/** What every service of ${domain} can do. */
interface ${domain}Service
{
    public const LIMIT = 100;

    public function name(): string;

    public function score(string $text): int;

    public function toArray(): array;
}
`;
}

function baseOf(domain: string): string {
  return `<?php

namespace App\\${domain};

/** What the services of ${domain} share. */
abstract class Abstract${domain}Service implements ${domain}Service
{
    protected const DEFAULTS = ['limit' => self::LIMIT, 'strict' => true, 'tags' => ['${domain.toLowerCase()}', 'service']];

    /** @var string */
    protected $name;

    /** @var array<string, mixed> */
    protected $settings;

    public function __construct(string $name, array $settings = [])
    {
        $this->name = $name;
        $this->settings = $settings + static::DEFAULTS;
    }

    public function name(): string
    {
        return $this->name;
    }

    public function toArray(): array
    {
        return ['name' => $this->name, 'class' => static::class, 'settings' => $this->settings];
    }

    abstract protected function weight(): int;
}
`;
}

function classOf({
  domain,
  role,
  name,
  number,
}: {
  readonly domain: string;
  readonly role: string;
  readonly name: string;
  readonly number: number;
}): string {
  const methods = ['find', 'create', 'update', 'remove'].map((verb, index) =>
    methodOf(verb, `${role.toLowerCase()}.${number + index}`),
  );
  return `<?php

declare(strict_types=1);

namespace App\\${domain}\\${role};

use App\\${domain}\\Abstract${domain}Service;
use InvalidArgumentException;

/**
 * ${role} number ${number} of ${domain}: stands for code as applications have it.
 */
final class ${name} extends Abstract${domain}Service
{
    public const ROLE = '${role.toLowerCase()}';
    public const STATES = ['new' => 1, 'open' => 2, 'held' => 4, 'done' => 8];

    private const WEIGHT = ${number % 13};

    /** @var array<string, array<string, mixed>> */
    private $items = [];

    /** @var int */
    private static $made = 0;

    public static function of(string $name): self
    {
        self::$made++;
        return new self($name, ['made' => self::$made]);
    }

    public function score(string $text): int
    {
        $score = self::WEIGHT;
        foreach (str_split($text, 3) as $place => $part) {
            $score += strlen($part) * ($place + 1) + (self::STATES[$part] ?? 0);
        }
        return $score % self::LIMIT;
    }

    protected function weight(): int
    {
        return self::WEIGHT * count($this->items);
    }

${methods.join('\n')}}
`;
}

function methodOf(verb: string, topic: string): string {
  const method = `${verb}Item`;
  return `    /**
     * @param array<string, mixed> $values
     * @return array<string, mixed>
     *
     * @throws InvalidArgumentException when there is no name, or a state that is not known
     */
    public function ${method}(string $key, array $values = [], ?callable $check = null): array
    {
        if ($key === '') {
            throw new InvalidArgumentException(sprintf('${topic}: %s needs a key', __METHOD__));
        }
        $known = $this->items[$key] ?? ['state' => 'new', 'tries' => 0];
        foreach ($values as $field => $value) {
            if ($field === 'state' && !isset(self::STATES[$value])) {
                throw new InvalidArgumentException("${topic}: no state $value for $key");
            }
            $known[$field] = is_string($value) ? trim($value) : $value;
        }
        if ($check !== null && !$check($known)) {
            return ['key' => $key, 'done' => false] + $known;
        }
        $known['tries']++;
        $this->items[$key] = $known;
        return ['key' => $key, 'done' => true, 'topic' => '${topic}'] + $known;
    }
`;
}
