/** A layer version in a region. */
export interface LayerArn {
  readonly region: string;
  readonly arn: string;
}

/** The formats of `layerSnippet`. */
export const SNIPPET_FORMATS = ['markdown', 'sam', 'cdk', 'serverless', 'terraform'] as const;
/** The name of a snippet format. */
export type SnippetFormat = (typeof SNIPPET_FORMATS)[number];

/** Input of `layerSnippet`. */
export interface SnippetInput {
  /** The layer's name. */
  readonly name: string;
  /** The Lambda runtime. Defaults to `provided.al2023`. */
  readonly runtime: string | undefined;
  /** `x86_64` or `arm64`. Defaults to `x86_64`. */
  readonly architecture: string | undefined;
  readonly arns: readonly LayerArn[];
}

/** Formats the layer's versions as a Markdown table, or as the configuration of a deployment tool with a sample function. */
export function layerSnippet(
  format: SnippetFormat,
  { name, runtime = 'provided.al2023', architecture = 'x86_64', arns }: SnippetInput,
): string {
  const sorted = [...arns].sort((a, b) => (a.region < b.region ? -1 : 1));
  const input = { name, runtime, architecture, arns: sorted };
  switch (format) {
    case 'markdown':
      return markdown(input);
    case 'sam':
      return sam(input);
    case 'cdk':
      return cdk(input);
    case 'serverless':
      return serverless(input);
    case 'terraform':
      return terraform(input);
  }
}

/** `SnippetInput` with all defaults, and the ARNs sorted by region. */
type ResolvedInput = { readonly [Key in keyof SnippetInput]: NonNullable<SnippetInput[Key]> };

function markdown({ arns }: ResolvedInput): string {
  const rows = [['Region', 'Layer version ARN'], ...arns.map(({ region, arn }) => [region, `\`${arn}\``])];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

function sam({ runtime, architecture, arns }: ResolvedInput): string {
  return `Mappings:
  Layers:
${arns.map(({ region, arn }) => `    ${region}:\n      Arn: ${arn}\n`).join('')}Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: ${runtime}
      Architectures: [${architecture}]
      Handler: hello
      CodeUri: hello.zip
      Layers:
        - !FindInMap [Layers, !Ref AWS::Region, Arn]
`;
}

function cdk({ runtime, architecture, arns }: ResolvedInput): string {
  const name = { 'provided.al2': 'PROVIDED_AL2', 'provided.al2023': 'PROVIDED_AL2023' }[runtime];
  return `// The stack must set its region: new Stack(app, 'Hello', { env: { region: '${arns[0]?.region ?? ''}' } })
const LAYERS: Record<string, string> = {
${arns.map(({ region, arn }) => `  '${region}': '${arn}',\n`).join('')}};

new lambda.Function(this, 'Hello', {
  runtime: ${name === undefined ? `new lambda.Runtime('${runtime}')` : `lambda.Runtime.${name}`},
  architecture: lambda.Architecture.${architecture === 'arm64' ? 'ARM_64' : 'X86_64'},
  handler: 'hello',
  code: lambda.Code.fromAsset('hello.zip'),
  layers: [lambda.LayerVersion.fromLayerVersionArn(this, 'Layer', LAYERS[this.region])],
});
`;
}

function serverless({ runtime, architecture, arns }: ResolvedInput): string {
  return `provider:
  name: aws
  runtime: ${runtime}
  architecture: ${architecture}
custom:
  layers:
${arns.map(({ region, arn }) => `    ${region}: ${arn}\n`).join('')}package:
  artifact: hello.zip
functions:
  hello:
    handler: hello
    layers:
      - \${self:custom.layers.\${aws:region}}
`;
}

function terraform({ runtime, architecture, arns }: ResolvedInput): string {
  const width = Math.max(0, ...arns.map(({ region }) => region.length)) + 2;
  return `data "aws_region" "current" {}

locals {
  layers = {
${arns.map(({ region, arn }) => `    ${`"${region}"`.padEnd(width)} = "${arn}"\n`).join('')}  }
}

resource "aws_lambda_function" "hello" {
  function_name    = "hello"
  runtime          = "${runtime}"
  architectures    = ["${architecture}"]
  handler          = "hello"
  filename         = "hello.zip"
  source_code_hash = filebase64sha256("hello.zip")
  role             = aws_iam_role.hello.arn
  layers           = [local.layers[data.aws_region.current.name]]
}
`;
}
