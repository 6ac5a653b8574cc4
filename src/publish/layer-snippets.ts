/** A layer version in a region. */
export interface LayerArn {
  readonly region: string;
  readonly arn: string;
}

export const SNIPPET_FORMATS = ['markdown', 'sam', 'cdk', 'serverless', 'terraform'] as const;
export type SnippetFormat = (typeof SNIPPET_FORMATS)[number];

export interface SnippetInput {
  /** The layer's name. */
  readonly name: string;
  /** `provided.al2023`. */
  readonly runtime: string;
  /** `x86_64`, `arm64`. */
  readonly architecture: string;
  /** Sorted by region. */
  readonly arns: readonly LayerArn[];
}

/** The layer's versions as a table, or in the words of a tool, with a function that uses them: to be pasted. */
export function layerSnippet(format: SnippetFormat, input: SnippetInput): string {
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

function markdown({ arns }: SnippetInput): string {
  const rows = [['Region', 'Layer version ARN'], ...arns.map(({ region, arn }) => [region, `\`${arn}\``])];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |\n`;
  const [head = [], ...body] = rows;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('');
}

function sam({ runtime, architecture, arns }: SnippetInput): string {
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

function cdk({ runtime, architecture, arns }: SnippetInput): string {
  const name = { 'provided.al2': 'PROVIDED_AL2', 'provided.al2023': 'PROVIDED_AL2023' }[runtime];
  return `// The stack has to name its region: new Stack(app, 'Hello', { env: { region: '${arns[0]?.region ?? ''}' } })
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

function serverless({ runtime, architecture, arns }: SnippetInput): string {
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

function terraform({ runtime, architecture, arns }: SnippetInput): string {
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
