/* Word lists: people, places, companies.  Invented combinations of common names. */
#include "demo/demo_internal.h"

#define LIST(name, ...)                                      \
    static const char *const name##_items[] = {__VA_ARGS__}; \
    const struct demo_list name = {name##_items, LH_ARRAY_LEN(name##_items)}

LIST(demo_first_names, "James", "Mary", "Robert", "Patricia", "John", "Jennifer", "Michael", "Linda", "David",
     "Elizabeth", "William", "Barbara", "Richard", "Susan", "Joseph", "Jessica", "Thomas", "Sarah", "Carlos", "Karen",
     "Daniel", "Nancy", "Matthew", "Lisa", "Anthony", "Betty", "Mark", "Sandra", "Donald", "Ashley", "Steven",
     "Kimberly", "Paul", "Emily", "Andrew", "Donna", "Joshua", "Michelle", "Kenneth", "Carol", "Kevin", "Amanda",
     "Brian", "Melissa", "George", "Deborah", "Timothy", "Stephanie", "Ronald", "Rebecca", "Jason", "Laura", "Edward",
     "Sharon", "Jeffrey", "Cynthia", "Ryan", "Dorothy", "Jacob", "Amy", "Gary", "Kathleen", "Nicholas", "Angela",
     "Eric", "Shirley", "Jonathan", "Emma", "Stephen", "Brenda", "Larry", "Pamela", "Justin", "Nicole", "Scott", "Anna",
     "Brandon", "Samantha", "Benjamin", "Katherine", "Samuel", "Christine", "Gregory", "Helen", "Alexander", "Debra",
     "Patrick", "Rachel", "Frank", "Carolyn", "Raymond", "Janet", "Jack", "Maria", "Dennis", "Olivia", "Jerry",
     "Heather", "Tyler", "Diane", "Aaron", "Julie", "Jose", "Joyce", "Adam", "Victoria", "Nathan", "Ruth", "Henry",
     "Virginia", "Zachary", "Lauren", "Douglas", "Kelly", "Peter", "Christina", "Kyle", "Joan", "Noah", "Evelyn",
     "Ethan", "Judith", "Jeremy", "Andrea", "Luis", "Hannah", "Christian", "Megan", "Walter", "Cheryl", "Keith",
     "Jacqueline", "Austin", "Martha", "Roger", "Madison", "Terry", "Teresa", "Sean", "Gloria", "Gerald", "Sara",
     "Miguel", "Janice", "Dylan", "Ann", "Bryan", "Kathryn", "Jordan", "Abigail", "Arjun", "Sophia", "Wei", "Frances",
     "Ahmed", "Jean", "Diego", "Alice", "Hiroshi", "Priya", "Kwame", "Ingrid", "Mateo", "Leila", "Andr\u00e9",
     "Zo\u00eb", "Ji-woo", "Fatima", "Oluwaseun", "Marisol", "Dmitri", "Aaliyah", "Santiago", "Mei", "Tariq",
     "Siobh\u00e1n", "Rafael", "Nadia", "Bj\u00f6rn", "Xiomara", "Darnell", "Imani", "Pedro", "Yuki", "Ivan",
     "Guadalupe");

LIST(demo_last_names, "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodriguez",
     "Martinez", "Hernandez", "Lopez", "Gonzalez", "Wilson", "Anderson", "Thomas", "Taylor", "Moore", "Jackson",
     "Martin", "Lee", "Perez", "Thompson", "White", "Harris", "Sanchez", "Clark", "Ramirez", "Lewis", "Robinson",
     "Walker", "Young", "Allen", "King", "Wright", "Scott", "Torres", "Nguyen", "Hill", "Flores", "Green", "Adams",
     "Nelson", "Baker", "Hall", "Rivera", "Campbell", "Mitchell", "Carter", "Roberts", "Gomez", "Phillips", "Evans",
     "Turner", "Diaz", "Parker", "Cruz", "Edwards", "Collins", "Reyes", "Stewart", "Morris", "Morales", "Murphy",
     "Cook", "Rogers", "Gutierrez", "Ortiz", "Morgan", "Cooper", "Peterson", "Bailey", "Reed", "Kelly", "Howard",
     "Ramos", "Kim", "Cox", "Ward", "Richardson", "Watson", "Brooks", "Chavez", "Wood", "James", "Bennett", "Gray",
     "Mendoza", "Ruiz", "Hughes", "Price", "Alvarez", "Castillo", "Sanders", "Patel", "Myers", "Long", "Ross", "Foster",
     "Jimenez", "Powell", "Jenkins", "Perry", "Russell", "Sullivan", "Bell", "Coleman", "Butler", "Henderson", "Barnes",
     "Gonzales", "Fisher", "Vasquez", "Simmons", "Romero", "Jordan", "Patterson", "Alexander", "Hamilton", "Graham",
     "Reynolds", "Griffin", "Wallace", "Moreno", "West", "Cole", "Hayes", "Bryant", "Herrera", "Gibson", "Ellis",
     "Tran", "Medina", "Aguilar", "Stevens", "Murray", "Ford", "Castro", "Marshall", "Owens", "Harrison", "Fernandez",
     "McDonald", "Woods", "Washington", "Kennedy", "Wells", "Vargas", "Henry", "Chen", "Freeman", "Webb", "Tucker",
     "Guzman", "Burns", "Crawford", "Olson", "Simpson", "Porter", "Hunter", "Gordon", "Mendez", "Silva", "Shaw",
     "Snyder", "Mason", "Dixon", "Mu\u00f1oz", "Hunt", "Hicks", "Holmes", "Palmer", "Wagner", "Black", "Robertson",
     "O'Brien", "Okafor", "Kowalski", "Haddad", "Svensson", "Yamamoto", "Singh", "Ivanova", "Da Silva", "Nakamura",
     "Schr\u00f6der", "D'Angelo", "Abdi", "Petrov", "Fitzgerald", "St. James", "Van Dyke", "Rossi", "Dubois", "Khan");

LIST(demo_streets, "Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Washington Blvd", "2nd St", "Park Ave", "Elm St",
     "Lake Rd", "Hillcrest Dr", "Sunset Blvd", "River Rd", "Church St", "Highland Ave", "Mill Rd", "Jefferson St",
     "Prospect Ave", "Franklin St", "Spruce Ct", "County Road 12", "Meadow Ln", "Union St", "Locust St", "Railroad Ave",
     "Chestnut Way", "Adams St", "Pleasant View Rd", "Grove St", "Industrial Pkwy", "Willow Bend");

LIST(demo_company_words, "Northgate", "Blue Ridge", "Summit", "Harbor", "Ironwood", "Cascade", "Pioneer", "Lakeshore",
     "Granite", "Redwood", "Sterling", "Keystone", "Evergreen", "Crestline", "Silver Creek", "Beacon", "Atlas",
     "Meridian", "Falcon", "Prairie", "Copper Hill", "Liberty", "Cornerstone", "Westfield", "Golden Gate", "Tri-County",
     "Midland", "Horizon", "Brookside", "Riverbend", "Eastport", "Highpoint", "Patriot", "Stonebridge", "Coastal",
     "Vanguard", "Orchard", "Titan", "Clearwater", "Bayview", "Maplewood", "Great Plains", "Fairmont", "Archer",
     "Compass", "Juniper", "Kestrel", "Monarch", "Oakmont", "Phoenix", "Quarry", "Rockport", "Sequoia", "Trailhead",
     "Upland", "Valley Forge", "Windward", "Yellowstone", "Zenith", "Aspen");

LIST(demo_company_suffixes, "Manufacturing", "Logistics", "Health System", "Foods", "Technologies", "Construction",
     "Financial", "Energy", "Distribution", "Plastics", "Aerospace", "Medical Group", "Packaging", "Insurance",
     "Hotels", "Retail Group", "Automotive", "Pharma", "Software", "Engineering", "Warehousing", "Hospital",
     "Fabrication", "Utilities", "Farms", "School District", "Airlines", "Steel", "Labs", "Services LLC");

LIST(demo_industries, "Manufacturing", "Logistics", "Healthcare", "Food Processing", "Technology", "Construction",
     "Finance", "Energy", "Retail", "Hospitality", "Automotive", "Pharmaceutical", "Aerospace", "Education",
     "Insurance", "Public Sector", "Agriculture", "Utilities");

LIST(demo_recruiters, "Dana Whitfield", "Marcus Bell", "Priyanka Rao", "Tom Castellano", "Jill Okoye", "Ben Fischer",
     "Rosa Delgado", "Aiden Clarke", "Mei-Lin Zhao", "Greg Novak", "Shauna Pierce", "Omar Farouk", "Kate Lindqvist",
     "Victor Almeida", "Heather Stone", "Luke Brannigan", "Nina Petrova", "Chris Yoder", "Tasha Monroe",
     "Eli Rosenthal", "Paula Jimenez", "Dev Malhotra", "Erin Gallagher", "Sam Whitaker", "Ines Carvalho",
     "Jordan Blake", "Wanda Kubiak", "Theo Laurent", "Maya Jefferson", "Rick Tanaka");

LIST(demo_strengths, "Known for showing up early and staying until the line is clear",
     "Comfortable working without supervision", "Trusted with training new hires on every shift",
     "Calm under pressure and precise with paperwork", "Strong communicator who keeps customers and crews informed",
     "Quick learner who picks up new systems in days", "Perfect attendance over the last {n} years",
     "Bilingual in English and Spanish", "Hands-on problem solver with a safety-first attitude",
     "Organised, detail-minded and good with deadlines", "Leads by example and is not afraid of the dirty jobs",
     "Used to overtime, weekends and rotating shifts", "Recognised twice as employee of the quarter",
     "Respected by supervisors for honesty and follow-through", "At home in regulated, audited environments",
     "Enjoys fast-paced teams and clear goals", "Patient with people and stubborn with problems",
     "Keeps a clean workplace and an accurate log");

LIST(demo_goals, "Looking for a long-term contract close to home", "Open to temp-to-hire with a growing company",
     "Seeking a lead role on first or second shift", "Available immediately and willing to relocate",
     "Wants to move from contract work into a permanent team", "Interested in roles that pay for further certification",
     "Prefers day shift but flexible on hours", "Hoping to return to the field after raising two kids",
     "Ready for travel assignments of up to {p} percent", "Looking for part-time work while finishing a degree",
     "Wants a team that values quality over speed", "Eligible to work with two weeks' notice",
     "Searching for a remote or hybrid position", "Would consider night shift for the right differential");

LIST(demo_schools, "Lakeland Community College", "Central High School", "State Technical Institute",
     "Riverside City College", "Northern Valley University", "Tri-State Career Center", "Mountain View High School",
     "Gateway Technical College", "Coastal State University", "Jefferson Vocational School", "Prairie State College",
     "Metro Institute of Technology", "St. Anne's College of Nursing", "Western Plains University",
     "Harbor Community College", "Eastern Ridge High School");

LIST(demo_degrees, "High school diploma", "GED", "Associate of Applied Science", "Certificate program",
     "Bachelor of Science", "Bachelor of Arts", "Associate of Arts", "Vocational diploma", "Master of Science",
     "Some college coursework");

const struct demo_city demo_cities[] = {
    {"Columbus", "OH", "432", "614"},     {"Dayton", "OH", "454", "937"},       {"Cleveland", "OH", "441", "216"},
    {"Indianapolis", "IN", "462", "317"}, {"Fort Wayne", "IN", "468", "260"},   {"Louisville", "KY", "402", "502"},
    {"Nashville", "TN", "372", "615"},    {"Memphis", "TN", "381", "901"},      {"Atlanta", "GA", "303", "404"},
    {"Savannah", "GA", "314", "912"},     {"Charlotte", "NC", "282", "704"},    {"Raleigh", "NC", "276", "919"},
    {"Greenville", "SC", "296", "864"},   {"Boston", "MA", "021", "617"},       {"Worcester", "MA", "016", "508"},
    {"Newark", "NJ", "071", "973"},       {"Trenton", "NJ", "086", "609"},      {"Hartford", "CT", "061", "860"},
    {"Providence", "RI", "029", "401"},   {"Portland", "ME", "041", "207"},     {"Pittsburgh", "PA", "152", "412"},
    {"Allentown", "PA", "181", "610"},    {"Baltimore", "MD", "212", "410"},    {"Richmond", "VA", "232", "804"},
    {"Chicago", "IL", "606", "312"},      {"Rockford", "IL", "611", "815"},     {"Milwaukee", "WI", "532", "414"},
    {"Green Bay", "WI", "543", "920"},    {"Detroit", "MI", "482", "313"},      {"Grand Rapids", "MI", "495", "616"},
    {"Minneapolis", "MN", "554", "612"},  {"Des Moines", "IA", "503", "515"},   {"Omaha", "NE", "681", "402"},
    {"Kansas City", "MO", "641", "816"},  {"St. Louis", "MO", "631", "314"},    {"Tulsa", "OK", "741", "918"},
    {"Dallas", "TX", "752", "214"},       {"Houston", "TX", "770", "713"},      {"San Antonio", "TX", "782", "210"},
    {"El Paso", "TX", "799", "915"},      {"Denver", "CO", "802", "303"},       {"Salt Lake City", "UT", "841", "801"},
    {"Phoenix", "AZ", "850", "602"},      {"Albuquerque", "NM", "871", "505"},  {"Las Vegas", "NV", "891", "702"},
    {"Sacramento", "CA", "958", "916"},   {"Fresno", "CA", "937", "559"},       {"San Diego", "CA", "921", "619"},
    {"Portland", "OR", "972", "503"},     {"Seattle", "WA", "981", "206"},      {"Boise", "ID", "837", "208"},
    {"Tampa", "FL", "336", "813"},        {"Jacksonville", "FL", "322", "904"}, {"Orlando", "FL", "328", "407"},
};
const size_t demo_city_count = LH_ARRAY_LEN(demo_cities);
