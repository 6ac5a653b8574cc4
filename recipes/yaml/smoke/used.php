<?php
require '/var/task/lib/check.php';

$text = <<<'YAML'
    # a comment
    name: café
    list: [1, 2.5, true, ~, "1"]
    defaults: &defaults
      size: 10
    large:
      <<: *defaults
      text: |
        two
        lines
    YAML;
$value = yaml_parse($text);
same('café', $value['name'], 'a text');
same([1, 2.5, true, null, '1'], $value['list'], 'types');
same(['size' => 10, 'text' => "two\nlines"], $value['large'], 'an anchor, and a text of lines');
same($value, yaml_parse(yaml_emit($value, YAML_UTF8_ENCODING)), 'a value survives');
check(strpos(yaml_emit($value, YAML_UTF8_ENCODING), 'name: café') !== false, 'UTF-8');

same(2, yaml_parse("a: 1\n---\nb: 2\n", -1, $count) ? $count : 0, 'two documents');
$upper = function ($value, $tag, $flags) {
    return strtoupper($value);
};
same(['x' => 'ABC'], yaml_parse('x: !upper abc', 0, $count, ['!upper' => $upper]), 'a tag');
check(@yaml_parse("a: [1,\nb: }") === false, 'what is not YAML is refused');
echo "ok\n";
