/* openings.c -- how texts of many kinds begin: languages, code, tables, lists, dialogue. Written for
 * vq; what they say does not matter, only which words, scripts and layouts stand there. */
#include "plan/own/own_text.h"

const vq_opening vq_openings[] = {
    /* languages */
    {VQ_OPENING_PLAIN,
     "Die Einstellungen werden beim Start des Rechners gelesen. Wenn eine Datei fehlt, verwendet "
     "das "
     "Programm die Vorgaben und schreibt eine Warnung in das Protokoll. Wer das nicht möchte, kann "
     "diese Prüfung in der Konfiguration abschalten"},
    {VQ_OPENING_PLAIN,
     "Am frühen Morgen lag Nebel über dem Fluss, und die Brücke war kaum zu sehen. Sie hatten sich "
     "für "
     "sieben Uhr verabredet, aber niemand war gekommen. Schließlich ging er allein über den Markt"},
    {VQ_OPENING_PLAIN,
     "La commande affiche la liste des fichiers du répertoire, triés par date de modification. Si "
     "vous "
     "n'indiquez aucun nom, elle utilise le répertoire courant. Les fichiers cachés ne sont pas "
     "montrés, sauf si l'option est donnée"},
    {VQ_OPENING_PLAIN,
     "Au début du siècle, la ville comptait à peine dix mille habitants, répartis entre le port et "
     "la "
     "vieille ville. L'arrivée du chemin de fer changea tout : des ateliers ouvrirent"},
    {VQ_OPENING_PLAIN,
     "El río nace en las montañas del norte y atraviesa tres provincias antes de llegar al mar. "
     "Durante el verano apenas lleva agua, pero en otoño las lluvias lo hacen crecer con rapidez, "
     "y "
     "los pueblos de la orilla"},
    {VQ_OPENING_PLAIN, "Para instalar el paquete, abra una terminal y escriba la orden siguiente. "
                       "El sistema le pedirá "
                       "la contraseña y después descargará los archivos necesarios"},
    {VQ_OPENING_PLAIN,
     "Il consiglio comunale ha approvato ieri il nuovo piano per il centro storico. Secondo il "
     "sindaco, "
     "i lavori dovrebbero cominciare in primavera e durare circa due anni, ma i commercianti"},
    {VQ_OPENING_PLAIN, "A reunião começou às nove horas e todos os participantes já tinham lido o "
                       "relatório. O primeiro "
                       "ponto da agenda era o orçamento do próximo ano, que não podia"},
    {VQ_OPENING_PLAIN, "De meeste gebruikers merken niets van deze wijziging. Alleen wie een "
                       "oudere versie gebruikt, moet "
                       "eerst de gegevens omzetten; dat duurt een paar minuten en"},
    {VQ_OPENING_PLAIN, "Wczoraj wieczorem spadł pierwszy śnieg i miasto zupełnie ucichło. Dzieci "
                       "wybiegły na podwórko, "
                       "a dorośli szukali w piwnicach łopat, których nikt nie używał od"},
    {VQ_OPENING_PLAIN,
     "Příkaz vypíše všechny soubory, které odpovídají zadanému výrazu. Pokud žádný takový soubor "
     "neexistuje, skončí s chybou a nic nezmění. Výsledek lze"},
    {VQ_OPENING_PLAIN, "Kommunen har beslutat att bygga om stationen så att fler tåg kan stanna "
                       "där. Arbetet börjar efter "
                       "sommaren och väntas ta ett år. Under tiden får resenärerna"},
    {VQ_OPENING_PLAIN, "Ohjelma lukee asetukset tiedostosta ja tarkistaa, että kaikki tarvittavat "
                       "arvot on annettu. Jos "
                       "jokin puuttuu, se ilmoittaa virheestä ja"},
    {VQ_OPENING_PLAIN, "A könyv első fejezete egy kis faluban játszódik, ahol mindenki ismer "
                       "mindenkit. A főszereplő egy "
                       "fiatal tanító, aki azért érkezik ide, hogy"},
    {VQ_OPENING_PLAIN,
     "Toplantıdan sonra herkes evine döndü, ama o bir süre daha pencerenin önünde oturdu. Dışarıda "
     "yağmur yağıyordu ve sokak lambaları"},
    {VQ_OPENING_PLAIN,
     "Primăvara, satul se trezea devreme. Oamenii ieșeau la câmp înainte de răsărit, iar copiii "
     "mergeau la școală pe drumul de lângă pădure"},
    {VQ_OPENING_PLAIN, "Chương trình này đọc một tệp văn bản và đếm số từ trong mỗi dòng. Kết quả "
                       "được ghi vào một tệp "
                       "mới, và nếu tệp đó đã có thì"},
    {VQ_OPENING_PLAIN,
     "Pada pagi hari pasar itu sudah ramai. Para pedagang menata sayur dan buah di atas meja kayu, "
     "sementara para pembeli berjalan dari satu"},
    {VQ_OPENING_PLAIN, "Город стоит на берегу большой реки, и каждую весну вода поднимается почти "
                       "до самых домов. Старики "
                       "говорят, что раньше было иначе, но никто"},
    {VQ_OPENING_PLAIN, "Програма перевіряє, чи всі файли на місці, і лише потім починає роботу. "
                       "Якщо щось не так, вона "
                       "зупиняється й"},
    {VQ_OPENING_PLAIN, "Το βιβλίο αυτό γράφτηκε για όσους θέλουν να μάθουν πώς λειτουργεί ένας "
                       "υπολογιστής. Στο πρώτο "
                       "κεφάλαιο εξηγούμε"},
    {VQ_OPENING_PLAIN,
     "في الصباح الباكر خرج الصياد إلى البحر ومعه ابنه الصغير. كانت السماء صافية والريح هادئة، لكن"},
    {VQ_OPENING_PLAIN, "הספר נפתח בתיאור של בית קטן בקצה הכפר, שבו גרים שני אחים ואמם. יום אחד"},
    {VQ_OPENING_PLAIN,
     "यह कार्यक्रम एक फ़ाइल पढ़ता है और उसमें लिखे हुए शब्दों को गिनता है। अगर फ़ाइल नहीं मिलती"},
    {VQ_OPENING_PLAIN,
     "这座城市位于两条河流的交汇处，已经有一千多年的历史。每年春天，附近的居民都会"},
    {VQ_OPENING_PLAIN,
     "このプログラムは設定ファイルを読み込み、必要な値がすべてそろっているかどうかを調べます。"},
    {VQ_OPENING_PLAIN, "이 도시는 두 강이 만나는 곳에 있으며, 오래전부터 시장이 열렸다. 봄이 되면"},
    /* code and markup */
    {VQ_OPENING_PLAIN, "#include <stdio.h>\n#include <stdlib.h>\n\nstruct node {\n    int key;\n   "
                       " struct node *left, "
                       "*right;\n};\n\nstatic struct node *insert(struct node *root, int key)\n{\n "
                       "   if (!root) {\n"},
    {VQ_OPENING_PLAIN, "import os\nimport sys\n\n\nclass Reader:\n    \"\"\"Reads records from a "
                       "file, one at a time.\"\"\"\n\n"
                       "    def __init__(self, path, encoding=\"utf-8\"):\n        self.path = "
                       "path\n        self._file = None\n\n"
                       "    def read(self, size=-1):\n"},
    {VQ_OPENING_PLAIN,
     "def merge(left, right):\n    result = []\n    i = j = 0\n    while i < len(left) and j < "
     "len(right):\n"
     "        if left[i] <= right[j]:\n            result.append(left[i])\n            i += 1\n"},
    {VQ_OPENING_PLAIN, "const express = require('express');\nconst app = "
                       "express();\n\napp.get('/users/:id', async (req, res) => "
                       "{\n  const user = await db.find(req.params.id);\n  if (!user) {\n"},
    {VQ_OPENING_PLAIN, "package com.example.store;\n\nimport java.util.ArrayList;\nimport "
                       "java.util.List;\n\npublic class Cart "
                       "{\n    private final List<Item> items = new ArrayList<>();\n\n    public "
                       "void add(Item item) {\n"},
    {VQ_OPENING_PLAIN, "use std::collections::HashMap;\n\npub fn count(words: &[&str]) -> "
                       "HashMap<String, usize> {\n    let mut "
                       "map = HashMap::new();\n    for w in words {\n"},
    {VQ_OPENING_PLAIN, "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc main() {\n\tif "
                       "len(os.Args) < 2 {\n\t\tfmt."
                       "Fprintln(os.Stderr, \"usage: count FILE\")\n"},
    {VQ_OPENING_PLAIN, "#include <vector>\n#include <string>\n\ntemplate <typename T>\nclass Stack "
                       "{\npublic:\n    void "
                       "push(const T& value) { data_.push_back(value); }\n    T pop() {\n"},
    {VQ_OPENING_PLAIN, "SELECT c.name, COUNT(o.id) AS orders, SUM(o.total) AS revenue\nFROM "
                       "customers c\nLEFT JOIN orders o ON "
                       "o.customer_id = c.id\nWHERE o.created_at >= '2020-01-01'\nGROUP BY"},
    {VQ_OPENING_PLAIN, "#!/bin/sh\nset -eu\n\nfor file in \"$@\"; do\n    if [ ! -f \"$file\" ]; "
                       "then\n        echo \"$0: $file: "
                       "no such file\" >&2\n        exit 1\n    fi\n"},
    {VQ_OPENING_PLAIN,
     "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n  <meta charset=\"utf-8\">\n  "
     "<title>Orders</title>\n  "
     "<link rel=\"stylesheet\" href=\"style.css\">\n</head>\n<body>\n  <nav>\n    <ul>\n"},
    {VQ_OPENING_PLAIN,
     "{\n  \"name\": \"inventory\",\n  \"version\": \"1.4.2\",\n  \"items\": [\n    {\"id\": 1, "
     "\"sku\": "
     "\"A-100\", \"price\": 19.95, \"tags\": [\"new\", \"sale\"]},\n    {\"id\": 2,"},
    {VQ_OPENING_PLAIN, "services:\n  web:\n    image: nginx:latest\n    ports:\n      - "
                       "\"8080:80\"\n    environment:\n      - "
                       "LOG_LEVEL=info\n    depends_on:\n"},
    {VQ_OPENING_PLAIN, "\\section{Convergence}\nLet $f : \\mathbb{R}^n \\to \\mathbb{R}$ be convex "
                       "and differentiable, with "
                       "$\\|\\nabla f(x) - \\nabla f(y)\\| \\le L \\|x - y\\|$. Then gradient "
                       "descent with step $1/L$"},
    {VQ_OPENING_PLAIN,
     "diff --git a/src/parse.c b/src/parse.c\n--- a/src/parse.c\n+++ b/src/parse.c\n@@ -41,7 +41,9 "
     "@@ static "
     "int next_token(struct lexer *l)\n     while (isspace(*l->p))\n         l->p++;\n-"},
    {VQ_OPENING_PLAIN, "CC = gcc\nCFLAGS = -O2 -Wall\nOBJS = main.o list.o table.o\n\nall: "
                       "program\n\nprogram: $(OBJS)\n\t$(CC) "
                       "$(CFLAGS) -o $@ $^\n"},
    /* tables, lists, records */
    {VQ_OPENING_PLAIN, "| Option | Type | Default | Meaning "
                       "|\n|--------|------|---------|---------|\n| `--depth` | integer | 3 | "
                       "how far to go down |\n| `--quiet` | flag | off |"},
    {VQ_OPENING_PLAIN, "date,station,temperature,humidity,wind\n2019-03-01,North,4.2,81,12\n2019-"
                       "03-01,South,6.8,74,9\n"
                       "2019-03-02,North,"},
    {VQ_OPENING_PLAIN, "2021-06-14 08:15:02 INFO  server started on port 8080\n2021-06-14 08:15:07 "
                       "WARN  connection from "
                       "10.0.0.12 refused\n2021-06-14 08:16:31 ERROR"},
    {VQ_OPENING_PLAIN,
     "NAME\n       copy - copy files and directories\n\nSYNOPSIS\n       copy [OPTION]... SOURCE "
     "DEST\n\nDESCRIPTION\n       Copies SOURCE to DEST. With more than one SOURCE, DEST must be a "
     "directory.\n\n       -f, --force\n"},
    {VQ_OPENING_PLAIN, "Ingredients:\n- 2 cups flour\n- 1 teaspoon baking powder\n- 1/2 cup "
                       "butter, melted\n- 3 eggs\n\n"
                       "Directions:\n1. Heat the oven to 350 degrees.\n2. "},
    {VQ_OPENING_PLAIN, "## Version 2.3.0\n\n### Added\n- A new option to limit the number of "
                       "threads\n- Support for reading "
                       "compressed input\n\n### Fixed\n- "},
    {VQ_OPENING_PLAIN, "@node Invoking, Options, Overview, Top\n@chapter Invoking the "
                       "program\n\nThe program is run with the name "
                       "of an input file.  If the name is @samp{-}, it reads standard input.  The "
                       "exit status is 0 if"},
    {VQ_OPENING_PLAIN, "Table 4. Results by group\n\nGroup      N     Mean    SD     p\nControl    "
                       "42    3.61    0.84   -\nLow dose"
                       "   40    3.92    0.79   0.09\nHigh dose"},
    /* English of several kinds */
    {VQ_OPENING_PLAIN, "The species is found in the mountain forests of the south , where it lives "
                       "on insects and small fruit . "
                       "It was first described in 1872 by"},
    {VQ_OPENING_PLAIN, "= The Northern Railway =\n\nThe Northern Railway was a company that "
                       "operated a line between the coast and "
                       "the capital from 1861 until"},
    {VQ_OPENING_PLAIN, "The government said on Tuesday that it would review the rules for small "
                       "businesses after complaints from "
                       "shop owners. A spokesman told reporters that"},
    {VQ_OPENING_PLAIN, "This Agreement is made between the Seller and the Buyer. Unless otherwise "
                       "agreed in writing, the Seller "
                       "shall deliver the goods within thirty (30) days of"},
    {VQ_OPENING_PLAIN, "Patients were randomly assigned to one of two groups. The primary outcome "
                       "was the change in blood pressure "
                       "from baseline to week 12, and secondary outcomes included"},
    {VQ_OPENING_PLAIN, "\"You can't be serious,\" she said, and put the letter down on the table. "
                       "Outside a dog barked. He looked "
                       "at the window for a long time before he"},
    {VQ_OPENING_PLAIN, "Question: A train travels 180 miles in 3 hours. At the same speed, how far "
                       "does it travel in 5 hours?\n"
                       "Answer: The speed is 180 / 3 = 60 miles per hour, so"},
    {VQ_OPENING_PLAIN, "Theorem 2. Every bounded sequence of real numbers has a convergent "
                       "subsequence.\n\nProof. Let (a_n) be "
                       "bounded, so that there is an interval"},
    {VQ_OPENING_PLAIN, "Photosynthesis is the process by which plants turn light into chemical "
                       "energy. It takes place in the "
                       "chloroplasts, which contain a green pigment called"},
    {VQ_OPENING_PLAIN, "Hi Anna,\n\nthanks for your message. I have looked at the draft and have a "
                       "few comments. First, the "
                       "introduction is a bit long; second,"},
    {VQ_OPENING_PLAIN, "INTERVIEWER: When did you first start to paint?\n\nARTIST: I was about "
                       "ten, I think. My grandmother had a "
                       "box of colors and"},
    {VQ_OPENING_PLAIN, "I bought this vacuum cleaner two months ago and I have mixed feelings. The "
                       "good: it is light and quiet. "
                       "The bad: the battery"},
    /* what users say */
    {VQ_OPENING_CHAT, "Explain in simple words why the sky is blue."},
    {VQ_OPENING_CHAT, "Write a Python function that returns the longest word of a sentence."},
    {VQ_OPENING_CHAT, "Give me a list of ten cities in Europe with their population, as a table."},
    {VQ_OPENING_CHAT,
     "Wie kann ich auf meinem Rechner Platz schaffen, ohne etwas Wichtiges zu löschen?"},
    {VQ_OPENING_CHAT, "Escribe un correo breve para cancelar una reserva de hotel."},
    {VQ_OPENING_CHAT, "What is 17 times 23? Show the steps."},
    {VQ_OPENING_CHAT, "Summarize the causes of the First World War in five bullet points."},
    {VQ_OPENING_CHAT, "Fix this: for (i = 0; i <= n; i++) sum += a[i];"},
    {0, NULL},
};
