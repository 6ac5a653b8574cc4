<?php

function fails(array $event): string
{
    throw new RuntimeException('this handler always fails');
}
