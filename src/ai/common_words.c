/* The commonest words of seven languages, for texts of which nothing has been learned.  How rare a word is, in 1/256 of a
 * natural logarithm: a word in two texts of three has 0.5, in one of four 1.5, in one of twenty 3; all others are taken to be in
 * one of three thousand (lexical_weights.c).  Part of the recipe "lexical-1". */
#include "ai/lexical_internal.h"

#include "base/attr.h"

#define HALF 128
#define ONE_AND_A_HALF 384
#define THREE 768

const struct lexical_common lexical_common_words[] = {
    /* English */
    {HALF, "the of and to a in is for on with as by at it that be are or"},
    {ONE_AND_A_HALF,
     "i you he she we they this from an was were has have had not but which who will would can all been their his her its "
     "our your more one about when if there so than also up out into other what them these some do may my no only over after "
     "any such new through most between both under where each how then me him us"},
    {THREE,
     "first two time use used using work well years year people many made make now very being before while same during within "
     "those because here just even own should could must might does did done per via etc like good part since against down off "
     "per another without including around include includes however every much few three several need needs get take see way "
     "know long day days back place set still too yet again always often once why whether although though until upon"},
    /* German */
    {HALF, "der die das und ist den dem zu mit von im ein eine"},
    {ONE_AND_A_HALF,
     "nicht sich auf des auch als es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem uber einen so zum "
     "haben nur oder aber vor zur bis mehr durch man sein wurde sei war wir ich ihr ihre seine kann wenn"},
    {THREE,
     "fur unter gegen vom schon soll alle diese dieser dieses keine ohne zwischen immer sehr hier dann jahre jahr zwei drei damit "
     "seit viele neue gibt muss mussen konnen konnte sowie bereits etwa dabei jedoch beim ins"},
    /* French */
    {HALF, "le la les de des du un une et est en que"},
    {ONE_AND_A_HALF,
     "dans qui pour pas au aux sur par plus avec ce il elle ne se sont son sa ses ou mais nous vous leur cette ces comme etre ont "
     "ete lui tout fait on je tu si bien"},
    {THREE,
     "sans sous entre apres avant aussi meme tous toutes leurs notre votre peut faire deux ans annees depuis tres encore donc "
     "ainsi chez dont quand alors autre autres elles ils ceux celle"},
    /* Spanish */
    {HALF, "el los las y que una del se por con"},
    {ONE_AND_A_HALF,
     "para no su al lo como mas o pero sus le ya este si porque esta entre cuando muy sin sobre ser tiene tambien me hasta hay "
     "donde desde nos durante todos uno ni ese eso ante ellos fue son era"},
    {THREE,
     "anos ano dos tres cada otro otra otros otras parte hacer puede pueden segun contra nuestro nuestra mismo antes despues "
     "ahora siempre aunque solo trabajo todo toda"},
    /* Italian */
    {HALF, "il di che e per non gli della"},
    {ONE_AND_A_HALF,
     "sono con si da come anche piu ma nel alla dei delle ha lo sua suo questo questa al dal nella degli ai dalla era essere tra "
     "hanno"},
    {THREE,
     "stato anni anno due tre ogni altri altro molto dopo prima loro nostro quando dove cosi poi ancora tutti sempre"},
    /* Dutch */
    {HALF, "het een van dat niet zijn op te"},
    {ONE_AND_A_HALF,
     "voor met er maar om hem dan zou wat mijn men dit zo door over ze zich bij ook tot je uit kan aan naar heeft wordt werd deze "
     "hij wij waren"},
    {THREE,
     "jaar jaren twee drie veel meer moet omdat onder tegen tussen zonder altijd worden hebben geen nog alleen andere onze"},
    /* Portuguese */
    {HALF, "o os do da em um uma na"},
    {ONE_AND_A_HALF,
     "nao com para dos mais foi ao ele das tem seu sua ou ser quando muito ha nos ja esta eu tambem so pelo pela ate isso ela entre "
     "era depois sem mesmo aos ter seus quem nas me esse eles"},
    {THREE,
     "anos dois tres cada outro outra outros fazer pode podem contra nosso nossa antes agora sempre trabalho sobre todos"},
};
const size_t lexical_common_count = LH_ARRAY_LEN(lexical_common_words);
