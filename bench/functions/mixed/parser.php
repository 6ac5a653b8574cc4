<?php

// A parser written in PHP: expressions are split into tokens, parsed, and computed.

final class Parser
{
    private $tokens;
    private $at = 0;

    public function __construct(string $text)
    {
        preg_match_all('/\d+|[-+*\/()]/', $text, $matches);
        $this->tokens = $matches[0];
    }

    public function sum(): array
    {
        $left = $this->product();
        while (($sign = $this->next(['+', '-'])) !== null) {
            $left = [$sign, $left, $this->product()];
        }
        return $left;
    }

    private function product(): array
    {
        $left = $this->term();
        while (($sign = $this->next(['*', '/'])) !== null) {
            $left = [$sign, $left, $this->term()];
        }
        return $left;
    }

    private function term(): array
    {
        if ($this->next(['(']) !== null) {
            $inner = $this->sum();
            $this->next([')']);
            return $inner;
        }
        return ['number', (int) $this->tokens[$this->at++]];
    }

    private function next(array $signs): ?string
    {
        $token = $this->tokens[$this->at] ?? null;
        if ($token === null || !in_array($token, $signs, true)) {
            return null;
        }
        $this->at++;
        return $token;
    }
}

function compute_tree(array $tree): float
{
    if ($tree[0] === 'number') {
        return $tree[1];
    }
    $left = compute_tree($tree[1]);
    $right = compute_tree($tree[2]);
    switch ($tree[0]) {
        case '+':
            return $left + $right;
        case '-':
            return $left - $right;
        case '*':
            return $left * $right;
        default:
            return $right == 0 ? 0.0 : $left / $right;
    }
}

return static function (int $round): string {
    $text = implode(' + ', array_fill(0, 20, "(3 * $round - 7) * (11 + 4 / 2) - 5 * (6 - 2)"));
    return (string) compute_tree((new Parser($text))->sum());
};
