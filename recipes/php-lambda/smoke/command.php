<?php

// A command, for an event of console mode.

echo PHP_SAPI, " $argv[1]";
exit(3);
