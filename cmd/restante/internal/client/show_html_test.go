package client

import (
	"strings"
	"testing"
)

func TestHTMLText(t *testing.T) {
	for name, tc := range map[string]struct{ html, want string }{
		"table": {`<p>Your order:</p><table><tr><th>Item</th><th>Pieces</th><th>Price</th></tr>
			<tr><td>Garden <b>spade</b></td><td>2</td><td>€ 31.00</td></tr><tr><td>佐藤</td><td></td><td>€ 5.00</td></tr>
			<tr><td colspan="2">Total</td><td>€ 36.00</td></tr></table><p>Thanks!</p>`,
			"Your order:\n\nItem          Pieces  Price\n------------  ------  -------\nGarden spade  2       € 31.00\n佐藤                  € 5.00\nTotal                 € 36.00\n\nThanks!\n"},
		"sections": {`<table><thead><tr><td>a</td><td>b</td></tr></thead><tbody><tr><td>c</td><td>d<br>e</td></tr></tbody></table>`,
			"a  b\nc  d\n   e\n"},
		"layout": {`<table role="presentation"><tr><td>left</td><td>right</td></tr><tr><td>x</td><td>y</td></tr></table>`, "left right\nx y\n"},
		"within a layout": {`<table><tr><td><table><tr><td>a</td><td>1</td></tr><tr><td>bb</td><td>2</td></tr></table></td></tr><tr><td>end</td></tr></table>`,
			"a   1\nbb  2\n\nend\n"},
		"one column":      {`<table><tr><td>a</td></tr><tr><td>b</td></tr></table>`, "a\nb\n"},
		"blocks":          {`<div>one</div><div>two <i>and</i></div>three<div><div>four</div></div>`, "one\ntwo and\nthree\nfour\n"},
		"wide":            {`<table><tr><td>k</td><td>` + strings.Repeat("word ", 30) + `</td></tr><tr><td>l</td><td>x</td></tr></table>`, "k  " + strings.TrimRight(strings.Repeat("word ", 18), " ") + "\n   " + strings.TrimRight(strings.Repeat("word ", 12), " ") + "\nl  x\n"},
		"long word":       {`<table><tr><td>k</td><td>` + strings.Repeat("x", 70) + `</td></tr><tr><td>l</td><td>x</td></tr></table>`, "k " + strings.Repeat("x", 70) + "\nl x\n"},
		"mark":            {"<p>\ue0000\ue001</p>", "\ue0000\ue001\n"},
		"not closed":      {`<table><tr><td>a<td>b<tr><td>c<td>d`, "a  b\nc  d\n"},
		"deep":            {strings.Repeat("<div>", 2000) + "x", "x\n"},
		"link":            {`<a href="https://example.org/x">here</a>`, "here <https://example.org/x>\n"},
		"style in a cell": {`<table><tr><td>a<style>p{}</style></td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>`, "a  b\nc  d\n"},
	} {
		if got := htmlText(tc.html); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
