<?php

require __DIR__ . '/page.php';
while (frankenphp_handle_request('page'));
