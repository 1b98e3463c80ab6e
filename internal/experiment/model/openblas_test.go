//go:build openblas

package model

import "testing"

func TestOpenBLASInUse(t *testing.T) {
	if pureGo() {
		t.Error("the build tag openblas has no effect: is cgo off?")
	}
}
