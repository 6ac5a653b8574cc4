<?php

declare(strict_types=1);

namespace Example\Greeting;

final class Greeting
{
    private $word;

    public function __construct(string $word)
    {
        $this->word = $word;
    }

    public function to(string $name): string
    {
        return "$this->word, $name!";
    }
}
