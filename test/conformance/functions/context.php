<?php

// What a function can know about its invocation.

function context($event, $context)
{
    $known = json_decode(json_encode($context), true);
    $left = $context->getRemainingTimeInMillis();
    $facts = [
        'request id' => preg_match('~^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$~', $known['awsRequestId']) === 1,
        'time left' => $left > 0 && $left <= 3000,
        'deadline' => abs($known['deadlineMs'] - microtime(true) * 1000 - $left) < 50,
        'arn' => preg_match('~^arn:aws:lambda:us-east-1:\d{12}:function:function$~', $known['invokedFunctionArn']) === 1,
    ];
    $trace = ['trace' => $known['traceId'], 'in the environment' => getenv('_X_AMZN_TRACE_ID')];
    unset($known['awsRequestId'], $known['deadlineMs'], $known['invokedFunctionArn'], $known['traceId'], $known['logGroupName'], $known['logStreamName']);
    $environment = [];
    foreach (['_HANDLER', 'LAMBDA_TASK_ROOT', 'AWS_LAMBDA_FUNCTION_NAME', 'AWS_LAMBDA_FUNCTION_MEMORY_SIZE', 'AWS_REGION', 'TZ', 'MINE'] as $name) {
        $environment[$name] = getenv($name);
    }
    return ($event['what'] ?? '') === 'trace' ? $trace : $facts + $known + $environment + ['cwd' => getcwd()];
}
