package output

import (
	"fmt"
	"strconv"
)

// Size writes a number of octets for people, in decimal units.
func Size(n int64) string {
	if n < 1000 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < 3 {
		v /= 1000
		unit++
	}
	if v < 9.95 {
		return fmt.Sprintf("%.1f %cB", v, "kMGT"[unit])
	}
	return fmt.Sprintf("%.0f %cB", v, "kMGT"[unit])
}

// Plural returns "1 message" or "5 messages".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
