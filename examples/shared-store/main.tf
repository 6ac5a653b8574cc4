# A bucket for a shared store of layersmith, and two roles for GitHub Actions: jobs of pull requests read, jobs of the main branch also write.
# docs/shared-store.md explains it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "bucket" {
  description = "Name of the bucket"
  type        = string
}

variable "prefix" {
  description = "First part of the names of all objects: the store is s3://BUCKET/PREFIX"
  type        = string
  default     = "layersmith"
}

variable "repository" {
  description = "Repository on GitHub whose jobs use the store: acme/layers"
  type        = string
}

variable "branch" {
  description = "Branch whose jobs may write"
  type        = string
  default     = "main"
}

resource "aws_s3_bucket" "store" {
  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "store" {
  bucket                  = aws_s3_bucket.store.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "store" {
  bucket = aws_s3_bucket.store.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# Nobody replaces an object, whatever their rights, and nobody uses plain http.
data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "CreateOnly"
    effect    = "Deny"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.store.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["true"]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.store.arn, "${aws_s3_bucket.store.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "store" {
  bucket = aws_s3_bucket.store.id
  policy = data.aws_iam_policy_document.bucket.json
}

# Records go before the bytes that they name. Sources stay: they may be gone upstream.
resource "aws_s3_bucket_lifecycle_configuration" "store" {
  bucket = aws_s3_bucket.store.id

  dynamic "rule" {
    for_each = {
      artifacts = 90
      stages    = 90
      layers    = 90
      blobs     = 120
    }
    content {
      id     = rule.key
      status = "Enabled"
      filter {
        prefix = "${var.prefix}/v1/${rule.key}/"
      }
      expiration {
        days = rule.value
      }
    }
  }
}

data "aws_iam_openid_connect_provider" "github" {
  url = "https://token.actions.githubusercontent.com"
}

locals {
  subjects = {
    read  = "repo:${var.repository}:*"
    write = "repo:${var.repository}:ref:refs/heads/${var.branch}"
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [data.aws_iam_openid_connect_provider.github.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [each.value]
    }
  }
}

# s3:ListBucket: without it S3 says 403 instead of 404 for an object that is not there. No role may delete.
data "aws_iam_policy_document" "access" {
  for_each = local.subjects
  statement {
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.store.arn]
  }
  statement {
    actions   = each.key == "write" ? ["s3:GetObject", "s3:PutObject"] : ["s3:GetObject"]
    resources = ["${aws_s3_bucket.store.arn}/${var.prefix}/v1/*"]
  }
}

resource "aws_iam_role" "github" {
  for_each           = local.subjects
  name               = "layersmith-store-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "github" {
  for_each = local.subjects
  name     = "layersmith-store"
  role     = aws_iam_role.github[each.key].id
  policy   = data.aws_iam_policy_document.access[each.key].json
}

output "store" {
  description = "For `store` in layersmith.yaml"
  value       = "s3://${aws_s3_bucket.store.bucket}/${var.prefix}"
}

output "roles" {
  description = "ARNs for `role-to-assume` of aws-actions/configure-aws-credentials"
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
