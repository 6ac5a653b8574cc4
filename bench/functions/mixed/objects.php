<?php

// Objects as frameworks use them: a container with reflection, events, generators, exceptions, magic methods.

interface Clock
{
    public function now(): int;
}

final class FixedClock implements Clock
{
    public function now(): int
    {
        return 1700000000;
    }
}

class Repository
{
    protected $clock;
    private $rows = [];

    public function __construct(Clock $clock)
    {
        $this->clock = $clock;
    }

    public function add(string $name): self
    {
        $this->rows[] = new Row(['name' => $name, 'at' => $this->clock->now()]);
        return $this;
    }

    public function all(): iterable
    {
        foreach ($this->rows as $row) {
            yield $row->name => $row;
        }
    }
}

final class Row implements ArrayAccess, Countable, JsonSerializable
{
    private $data;

    public function __construct(array $data)
    {
        $this->data = $data;
    }

    public function __get(string $name)
    {
        if (!array_key_exists($name, $this->data)) {
            throw new OutOfBoundsException("no $name");
        }
        return $this->data[$name];
    }

    #[ReturnTypeWillChange]
    public function offsetExists($offset)
    {
        return isset($this->data[$offset]);
    }

    #[ReturnTypeWillChange]
    public function offsetGet($offset)
    {
        return $this->data[$offset];
    }

    #[ReturnTypeWillChange]
    public function offsetSet($offset, $value)
    {
        $this->data[$offset] = $value;
    }

    #[ReturnTypeWillChange]
    public function offsetUnset($offset)
    {
        unset($this->data[$offset]);
    }

    #[ReturnTypeWillChange]
    public function count()
    {
        return count($this->data);
    }

    #[ReturnTypeWillChange]
    public function jsonSerialize()
    {
        return $this->data;
    }
}

final class Container
{
    private $names = [Clock::class => FixedClock::class];

    public function make(string $class): object
    {
        $reflection = new ReflectionClass($this->names[$class] ?? $class);
        $constructor = $reflection->getConstructor();
        $arguments = $constructor === null ? [] : array_map(function (ReflectionParameter $parameter): object {
            return $this->make($parameter->getType()->getName());
        }, $constructor->getParameters());
        return $reflection->newInstanceArgs($arguments);
    }
}

return static function (int $round): string {
    $repository = (new Container())->make(Repository::class);
    for ($i = 0; $i < 30; $i++) {
        $repository->add("row $i of $round");
    }
    $result = [];
    $queue = new SplPriorityQueue();
    foreach ($repository->all() as $name => $row) {
        $row['length'] = strlen($name);
        $queue->insert($row, -$row['length'] - count($row));
        try {
            $result[] = $row->missing;
        } catch (OutOfBoundsException $error) {
            $result[] = $error->getMessage();
        }
    }
    while (!$queue->isEmpty()) {
        $result[] = clone $queue->extract();
    }
    $double = static function (...$values) {
        return array_merge(...array_map(null, [$values, $values]));
    };
    return json_encode(array_filter($double(...$result), static function ($each): bool {
        return $each instanceof Row;
    }));
};
