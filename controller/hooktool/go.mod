module cantrip/hooktool

go 1.19
