<?php

// Templates: compiled to PHP by regular expressions, and rendered.

$template = <<<'HTML'
<ul class="orders">
{% for order in orders %}
  <li id="order-{{ order.id }}"><b>{{ order.name|upper }}</b> {{ order.price|money }}
  {% if order.open %}<em>{{ order.note }}</em>{% else %}closed{% endif %}</li>
{% endfor %}
</ul>
HTML;

$value = static function (string $path): string {
    $parts = explode('.', $path);
    return '$' . array_shift($parts) . implode('', array_map(static function (string $part): string {
        return "['$part']";
    }, $parts));
};

$compile = static function (string $template) use ($value): string {
    $template = preg_replace_callback('/\{\{\s*([\w.]+)(?:\|(\w+))?\s*\}\}/', static function (array $match) use ($value): string {
        $filters = ['upper' => 'strtoupper(%s)', 'money' => 'number_format(%s, 2)', '' => '%s'];
        return '<?= htmlspecialchars((string) ' . sprintf($filters[$match[2] ?? ''], $value($match[1])) . ') ?>';
    }, $template);
    return preg_replace_callback('/\{%\s*(\w+)\s*(.*?)\s*%\}\n?/', static function (array $match) use ($value): string {
        switch ($match[1]) {
            case 'for':
                [$item, , $list] = preg_split('/\s+/', $match[2]);
                return '<?php foreach (' . $value($list) . " as \$$item): ?>";
            case 'if':
                return '<?php if (' . $value($match[2]) . '): ?>';
            case 'else':
                return '<?php else: ?>';
            default:
                return $match[1] === 'endif' ? '<?php endif ?>' : '<?php endforeach ?>';
        }
    }, $template);
};

return static function (int $round) use ($template, $compile): string {
    $orders = [];
    for ($id = 0; $id < 40; $id++) {
        $orders[] = ['id' => $id, 'name' => "Müller & Söhne <$id>", 'price' => $id * 19.99, 'open' => $id % 3 === 0, 'note' => str_repeat('"note" ', $id % 5)];
    }
    ob_start();
    eval('?>' . $compile($template . "<!-- $round -->"));
    $page = ob_get_clean();
    return preg_replace(['/\s+/', '/> </'], [' ', '><'], $page) . substr_count($page, '<li');
};
