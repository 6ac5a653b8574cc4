<?php

// Work for a warm process, of two kinds that a JIT affects very differently.

/** Numbers in loops: how many points of a grid stay in the Mandelbrot set. */
function numbers(): int
{
    $inside = 0;
    for ($y = 0; $y < 60; $y++) {
        for ($x = 0; $x < 60; $x++) {
            $re = $x / 20.0 - 2.0;
            $im = $y / 20.0 - 1.5;
            $a = $b = 0.0;
            for ($round = 0; $round < 80 && $a * $a + $b * $b < 4.0; $round++) {
                $t = $a * $a - $b * $b + $re;
                $b = 2.0 * $a * $b + $im;
                $a = $t;
            }
            $inside += $round === 80 ? 1 : 0;
        }
    }
    return $inside;
}

final class Order
{
    public $id;
    public $customer;
    private $lines = [];

    public function __construct(int $id, string $customer)
    {
        $this->id = $id;
        $this->customer = $customer;
    }

    public function add(string $article, int $count, float $price): void
    {
        $this->lines[] = ['article' => $article, 'count' => $count, 'price' => $price];
    }

    public function total(): float
    {
        return array_sum(array_map(static function (array $line): float {
            return $line['count'] * $line['price'];
        }, $this->lines));
    }

    public function toArray(): array
    {
        return ['id' => $this->id, 'customer' => $this->customer, 'lines' => $this->lines, 'total' => $this->total()];
    }
}

/** What a function does most: objects, arrays, text, JSON. */
function records(): int
{
    $orders = [];
    for ($id = 0; $id < 150; $id++) {
        $order = new Order($id, 'customer-' . $id % 17);
        for ($line = 0; $line < 8; $line++) {
            $order->add(sprintf('article %05d', $id * 31 + $line), $line + 1, 1.5 * $line);
        }
        $orders[] = $order;
    }
    usort($orders, static function (Order $a, Order $b): int {
        return [$a->customer, $b->total()] <=> [$b->customer, $a->total()];
    });
    $text = json_encode(array_map(static function (Order $order): array {
        return $order->toArray();
    }, $orders));
    $found = preg_match_all('/"article":"article (\d+)"/', $text, $matches);
    return $found + count(json_decode($text, true)) + crc32(strtoupper(implode(',', $matches[1]))) % 7;
}

function compute(array $event): array
{
    return getenv('WORK') === 'numbers' ? ['inside' => numbers()] : ['found' => records()];
}
