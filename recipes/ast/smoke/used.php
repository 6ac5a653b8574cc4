<?php
require '/var/task/lib/check.php';

$version = max(ast\get_supported_versions());
$tree = ast\parse_code('<?php function twice(int $n) { return 2 * $n; }', $version);
same('AST_STMT_LIST', ast\get_kind_name($tree->kind), 'the file');
$function = $tree->children[0];
same([ast\AST_FUNC_DECL, 'twice', 1], [$function->kind, $function->children['name'], $function->lineno], 'the function');
$return = $function->children['stmts']->children[0];
same(ast\AST_RETURN, $return->kind, 'its statement');
$product = $return->children['expr'];
same([ast\AST_BINARY_OP, ast\flags\BINARY_MUL, 2], [$product->kind, $product->flags, $product->children['left']], 'the product');
try {
    ast\parse_code('<?php function (', $version);
    check(false, 'a mistake is told');
} catch (ParseError $error) {
    same(1, $error->getLine(), 'the line of the mistake');
}
echo "ok\n";
