//go:build tools

// Package tools names what build.sh builds, so that `go mod tidy` keeps all that it needs.
package tools

import _ "k8s.io/kubernetes/test/images/agnhost"
