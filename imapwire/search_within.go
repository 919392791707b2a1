package imapwire

import "restante/imap"

func init() {
	for _, op := range []imap.SearchOp{imap.SearchOlder, imap.SearchYounger} {
		searchKeys.add(string(op), intervalArg)
	}
}

// intervalArg is SP nz-number, in Size: the seconds of OLDER and YOUNGER (RFC 5032 §3).
var intervalArg = searchArg{
	parse: func(p *searchParser, k imap.SearchKey) imap.SearchKey {
		p.sp("search-key")
		k.Size = int64(p.nzNumber("nz-number"))
		return k
	},
	append: sizeArg.append,
}
