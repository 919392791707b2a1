package maildate

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"Mon, 6 May 2024 10:00:00 +0200":                             "2024-05-06T10:00:00+02:00",
		"6 May 2024 10:00:00 +0200":                                  "2024-05-06T10:00:00+02:00",
		"Fri, 21 Nov 1997 09:55:06 -0600":                            "1997-11-21T09:55:06-06:00",
		"21 Nov 97 09:55:06 GMT":                                     "1997-11-21T09:55:06Z",
		"Tue, 1 Jul 03 10:52 +0200":                                  "2003-07-01T10:52:00+02:00",
		"Thu, 1 Jan 104 00:00:00 EST":                                "2004-01-01T00:00:00-05:00",
		" 1-Jul-1996 02:44:25 -0700":                                 "1996-07-01T02:44:25-07:00",
		"12-Feb-2018 19:50:00 +0300 MSK":                             "2018-02-12T19:50:00+03:00",
		"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600":            "1997-11-21T09:55:06-06:00",
		"Thu,\r\n 13 Feb 1969\r\n 23:32 -0330 (Newfoundland (Time))": "1969-02-13T23:32:00-03:30",
		"Wed May  8 14:00:01 2024":                                   "2024-05-08T14:00:01Z",
		"Wed May  8 14:00:01 PDT 2024":                               "2024-05-08T14:00:01-07:00",
		"2024-05-06T10:00:00Z":                                       "2024-05-06T10:00:00Z",
		"2024-05-06T10:00:00.125+05:30":                              "2024-05-06T10:00:00+05:30",
		"Mon, 06 May 2024 10:00:00 GMT+0200":                         "2024-05-06T10:00:00+02:00",
		"Mon, 06 May 2024 10:00:00 CEST":                             "2024-05-06T10:00:00+02:00",
		"Mon, 06 May 2024 10:00:00 Nowhere":                          "2024-05-06T10:00:00Z",
		"Mon, 06 May 2024 10:00:00 +0545":                            "2024-05-06T10:00:00+05:45",
		"Mon, 06 May 2024 10:00:00 -0001":                            "2024-05-06T10:00:00-00:01",
		"Mon, 06 May 2024 12:10:00 AM +0000":                         "2024-05-06T00:10:00Z",
		"Mon, 06 May 2024 1:10:00 pm":                                "2024-05-06T13:10:00Z",
		"MONDAY, 06 MAY 2024 10:00:00 Z":                             "2024-05-06T10:00:00Z",
		"29 Feb 2024 23:59:60 +0000":                                 "2024-03-01T00:00:00Z",
		"6 May 2024":                                                 "2024-05-06T00:00:00Z",
		"29 Feb 2023 10:00:00 +0000":                                 "-",
		"00-Jan-0000 00:00:00 +0000":                                 "-",
		"Tue, 31 Dec 2024 23:00:02 +9900":                            "-",
		"31 Dec 2024 24:00:00 +0000":                                 "-",
		"31 Dec 2024 23:60:00 +0000":                                 "-",
		"31 Foo 2024 23:00:00 +0000":                                 "-",
		"2024-13-01T10:00:00Z":                                       "-",
		"99999999999999999999 May 2024":                              "-",
		"wtf":                                                        "-",
		"(":                                                          "-",
		"":                                                           "-",
	} {
		got, ok := Parse(in)
		if s := got.Format(time.RFC3339); ok && s != want || ok != (want != "-") || !ok && !got.IsZero() {
			t.Errorf("Parse(%q) = %s %v, want %s", in, s, ok, want)
		}
	}
}

// What time.Format writes comes back as the same instant, whatever the layout.
func TestParseLayouts(t *testing.T) {
	zones := []*time.Location{time.UTC, time.FixedZone("", 5400), time.FixedZone("", -12*3600), time.FixedZone("", 7*60)}
	start := time.Date(1982, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 4000 {
		at := start.Add(time.Duration(i) * (131*time.Hour + 1009*time.Second)).In(zones[i%len(zones)])
		for _, layout := range []string{time.RFC1123Z, time.RFC3339, "_2-Jan-2006 15:04:05 -0700", "2 Jan 06 15:04:05 -0700"} {
			s := at.Format(layout)
			want := at
			if strings.Contains(layout, " 06 ") && at.Year() >= 2050 {
				want = at.AddDate(-100, 0, 0)
			}
			if got, ok := Parse(s); !ok || !got.Equal(want) || got.Format(layout) != s && want.Equal(at) {
				t.Fatalf("Parse(%q) = %v %v", s, got, ok)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Mon, 6 May 2024 10:00:00 +0200 (CEST)")
	f.Add("2024-05-06T10:00:00.5+05:30")
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := Parse(s)
		if !ok {
			if !got.IsZero() {
				t.Fatalf("%q: %v without success", s, got)
			}
			return
		}
		again, ok := Parse(got.Format(time.RFC1123Z))
		if !ok || !again.Equal(got) {
			t.Fatalf("%q: %v read back as %v", s, got, again)
		}
	})
}

func BenchmarkParseDate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("Mon, 6 May 2024 10:00:00 +0230")
	}
}
